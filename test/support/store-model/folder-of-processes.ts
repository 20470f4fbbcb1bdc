import type { Finding } from '../../../src/store/check-finding.ts';
import { openWharf } from '../programs/wharf.ts';
import type { DataFolder } from './fleet.ts';

const KILLED = 137;
const STOPPED = 143;

/** Worked on by `wharf serve` and `wharf gc`: a kill is SIGKILL. */
export async function folderOfProcesses(): Promise<DataFolder> {
  const wharf = await openWharf();
  const troubles: string[] = [];
  return {
    path: wharf.dataFolder,
    troubles,
    async serve() {
      const flags = ['--hosted', '**', '--listen', '127.0.0.1:0', '--admin', 'off', '--log-format', 'text'];
      const program = await wharf.start(['serve', ...flags]);
      const url = (await program.firstLine).replace('listening on ', '');
      const end = async (signal: 'SIGKILL' | 'SIGTERM', expected: number) => {
        program.kill(signal);
        const { code, stderr } = await program.exited;
        // JSON holds the method and the path, then comes the status.
        troubles.push(...stderr.split('\n').filter((line) => /" 5\d\d /.test(line)));
        if (code !== expected) throw new Error(`wharf serve ended with ${code}: ${stderr.slice(-2000)}`);
      };
      return { url, kill: () => end('SIGKILL', KILLED), stop: () => end('SIGTERM', STOPPED) };
    },
    async collect({ olderThan, untagged }) {
      const flags = ['--older-than', olderThan, ...(untagged ? ['--untagged'] : [])];
      const program = await wharf.start(['gc', ...flags]);
      return { ended: end(), kill: () => program.kill('SIGKILL') };

      async function end() {
        const { code, stderr } = await program.exited;
        if (code !== 0 && code !== KILLED) throw new Error(`wharf gc ended with ${code}: ${stderr}`);
      }
    },
    async check() {
      const { stdout, stderr } = await wharf.run(['check', '--json']);
      if (!stdout.startsWith('{')) throw new Error(`wharf check says no JSON: ${stderr}`);
      return (JSON.parse(stdout) as { findings: readonly Finding[] }).findings;
    },
    [Symbol.asyncDispose]: () => wharf[Symbol.asyncDispose](),
  };
}
