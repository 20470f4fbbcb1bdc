/** Puts `body` under the heading `## name`, in the place of what was there, or at the end. */
export function replaceSection(text: string, name: string, body: string): string {
  const [preamble = '', ...sections] = text.split(/^(?=## )/m);
  const section = `## ${name}\n\n${body.trim()}\n`;
  const at = sections.findIndex((known) => known.startsWith(`## ${name}\n`));
  const replaced = at < 0 ? [...sections, section] : sections.with(at, section);
  return [preamble, ...replaced].map((part) => `${part.trim()}\n`).join('\n');
}
