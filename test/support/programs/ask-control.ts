/** Asks a double's control listener: `POST /faults`. Throws what it has against it. */
export async function askControl(controlUrl: string, request: string, body?: unknown): Promise<unknown> {
  const [method = '', route = ''] = request.split(' ');
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await fetch(`${controlUrl}${route}`, init);
  if (!response.ok) throw new Error(`${request} was answered with ${response.status}: ${await response.text()}`);
  return await response.json();
}
