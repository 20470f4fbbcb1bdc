// What a process of this machine has used so far, from Linux' /proc.
import { readFileSync } from 'node:fs';
import type { RunningProgram } from '../test/support/programs/program.ts';

export interface ProcessUsage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly peakBytes: number;
}

/** Linux counts a process's time in hundredths of a second, whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100;
const SAMPLE_EVERY_MS = 50;

/** Throws when there is no such process. */
export function usageOf(pid: number): ProcessUsage {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command's name stands in parentheses and may hold anything; after it, utime and stime are the 12th and 13th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    residentBytes: kilobytesIn(status, 'VmRSS') * 1024,
    peakBytes: kilobytesIn(status, 'VmHWM') * 1024,
  };
}

function kilobytesIn(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
}

/** Watches a program until it ends: the usage is that of its last sample, so a little of its end may be missing. */
export async function watchUsage(program: RunningProgram): Promise<ProcessUsage> {
  let usage: ProcessUsage = { cpuSeconds: 0, residentBytes: 0, peakBytes: 0 };
  const timer = setInterval(() => {
    try {
      const now = usageOf(program.pid);
      // A process that has ended, but is still listed, has no memory any more.
      if (now.peakBytes > 0) usage = now;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' && (error as NodeJS.ErrnoException).code !== 'ESRCH')
        throw error;
    }
  }, SAMPLE_EVERY_MS);
  await program.exited;
  clearInterval(timer);
  return usage;
}
