// A registry with projects, as Harbor has them: nothing is pushed to a project that nobody made, and its own API makes
// them for whoever has the password.
import { z } from 'zod';
import { type Answer, emptyAnswer, errorAnswer, jsonAnswer, textAnswer } from '../origin/answer.ts';
import { type Request, readBody } from '../origin/request.ts';
import { type Account, isKnown, readBasic } from './token-service.ts';

const API = '/api/v2.0/';
const newProject = z.object({ project_name: z.string(), metadata: z.object({ public: z.string() }).optional() });

export class HarborApi {
  /** Those that there are, with whether anybody may read them. */
  readonly projects: Map<string, 'public' | 'private'>;
  readonly #account: Account | undefined;

  constructor(projects: readonly string[], account: Account | undefined) {
    this.projects = new Map(projects.map((name) => [name, 'public']));
    this.#account = account;
  }

  /** `undefined`: the request is none of the API's. */
  async answer(request: Request): Promise<Answer | undefined> {
    if (!request.path.startsWith(API)) return undefined;
    const path = request.path.slice(API.length);
    if (path === 'ping') return textAnswer(200, 'Pong');
    if (path !== 'projects') return jsonAnswer(404, { errors: [{ code: 'NOT_FOUND', message: 'path not found' }] });
    const given = readBasic(request.headers.authorization);
    if (this.#account !== undefined && (given === undefined || !isKnown([this.#account], given))) {
      return errorAnswer('UNAUTHORIZED', 'unauthorized');
    }
    return request.method === 'HEAD' ? this.#find(request) : await this.#create(request);
  }

  /** What is said of a repository in a project that there is not; the sentence is Harbor's. */
  refusal(repository: string): Answer | undefined {
    const [project = ''] = repository.split('/');
    if (repository === '' || this.projects.has(project)) return undefined;
    return jsonAnswer(404, { errors: [{ code: 'NOT_FOUND', message: `project ${project} not found` }] });
  }

  #find({ query }: Request): Answer {
    return emptyAnswer(this.projects.has(query.get('project_name') ?? '') ? 200 : 404);
  }

  async #create(request: Request): Promise<Answer> {
    const { project_name: name, metadata } = newProject.parse(JSON.parse((await readBody(request)).toString()));
    if (this.projects.has(name)) return jsonAnswer(409, { errors: [{ code: 'CONFLICT', message: `${name} exists` }] });
    this.projects.set(name, metadata?.public === 'true' ? 'public' : 'private');
    return emptyAnswer(201, { location: `${API}projects/${this.projects.size}` });
  }
}
