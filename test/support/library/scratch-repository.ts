import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { devNull } from 'node:os';
import { dirname, join } from 'node:path';

type Files = Record<string, string | Buffer | { link: string } | undefined>;

const DEFAULT_DATE = '2026-08-21T10:00:00Z';

/** A git repository for a test, made in an empty folder that the test removes. */
export class ScratchRepository {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    this.git('init', '--quiet', '--initial-branch=master');
    // As the large hosts of git repositories have it.
    this.git('config', 'uploadpack.allowFilter', 'true');
  }

  /** Commits the files, `undefined` removing one and `{ link }` making a symbolic link. Returns the commit. */
  commit(files: Files, date = DEFAULT_DATE): string {
    for (const [path, content] of Object.entries(files)) {
      const file = join(this.folder, path);
      mkdirSync(dirname(file), { recursive: true });
      rmSync(file, { force: true });
      if (typeof content === 'string' || Buffer.isBuffer(content)) writeFileSync(file, content);
      else if (content !== undefined) symlinkSync(content.link, file);
    }
    this.git('add', '--all');
    runGitAt(date, '-C', this.folder, 'commit', '--quiet', '--allow-empty', '--message=next');
    return this.git('rev-parse', 'HEAD');
  }

  git(...args: string[]): string {
    return runGit('-C', this.folder, ...args);
  }
}

/** Whatever the machine's and the person's configuration of git say. */
export function runGit(...args: string[]): string {
  return runGitAt(DEFAULT_DATE, ...args);
}

function runGitAt(date: string, ...args: string[]): string {
  const person = { NAME: 'Ada', EMAIL: 'ada@harbour.example', DATE: date };
  const identity = Object.entries(person).flatMap(([key, value]) => [
    [`GIT_AUTHOR_${key}`, value],
    [`GIT_COMMITTER_${key}`, value],
  ]);
  const env = {
    PATH: process.env['PATH'],
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: devNull,
    ...Object.fromEntries(identity),
  };
  return execFileSync('git', args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}
