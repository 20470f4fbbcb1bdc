import { type Answer, jsonAnswer } from '../distribution/answer.ts';
import { Refusal } from '../distribution/errors.ts';
import type { HttpRequest } from '../distribution/request.ts';
import { type AdministeredJobs, JOB_COMMANDS, type JobCommand, JobRefusal } from './admin-subject.ts';

const PATH = /^\/v1\/jobs\/([A-Za-z0-9][\w.-]{0,63})(?:\/([a-z]+))?$/;

/** `/v1/jobs/JOB` and `/v1/jobs/JOB/COMMAND`. */
export function isJobPath(path: string): boolean {
  const [, , command] = PATH.exec(path) ?? [];
  return PATH.test(path) && (command === undefined || isCommand(command));
}

export function methodsOfJobs(path: string): readonly string[] {
  return PATH.exec(path)?.[2] === undefined ? ['GET', 'HEAD'] : ['POST'];
}

/** The jobs, one of them with its last runs, or what one does that it was told to. Throws Refusal. */
export function answerJobs(jobs: AdministeredJobs, request: HttpRequest): Answer {
  const [, job, command] = PATH.exec(request.path) ?? [];
  if (job === undefined) return jsonAnswer(200, { jobs: jobs.list() });
  if (command !== undefined) {
    request.note?.('action', command);
    request.note?.('job', job);
  }
  const found = command === undefined ? jobs.find(job) : obey(jobs, job, command as JobCommand);
  if (found !== undefined) return jsonAnswer(200, found);
  throw new Refusal(404, 'NAME_UNKNOWN', `there is no job "${job}" in the configuration`);
}

function obey(jobs: AdministeredJobs, job: string, command: JobCommand) {
  try {
    return jobs.command(job, command);
  } catch (error) {
    throw error instanceof JobRefusal ? new Refusal(409, 'DENIED', error.message) : error;
  }
}

function isCommand(text: string): boolean {
  return (JOB_COMMANDS as readonly string[]).includes(text);
}
