// `npm run bench -- NAME`: one benchmark a question. With --write its figures take their place in results.md.
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { UsageError } from '../src/oci/usage-error.ts';
import type { Benchmark } from './benchmark.ts';
import { accountsBenchmark } from './accounts.ts';
import { bundleBenchmark } from './bundle.ts';
import { cacheBenchmark } from './cache.ts';
import { catalogBenchmark } from './catalog.ts';
import { replaceSection } from './results.ts';
import { economyBenchmark } from './economy.ts';
import { nginxBenchmark } from './nginx.ts';
import { registryBenchmark } from './registry.ts';
import { scaleBenchmark } from './scale.ts';
import { syncBenchmark } from './sync.ts';
import { verifyBenchmark } from './verify.ts';
import { workerBenchmark } from './worker.ts';

const BENCHMARKS: readonly Benchmark[] = [
  syncBenchmark,
  economyBenchmark,
  registryBenchmark,
  cacheBenchmark,
  catalogBenchmark,
  scaleBenchmark,
  verifyBenchmark,
  bundleBenchmark,
  nginxBenchmark,
  workerBenchmark,
  accountsBenchmark,
];
const RESULTS = path.join(import.meta.dirname, 'results.md');

// By way of `exit`, which ends the programs that were started and removes their files.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

async function main([name = '--help', ...args]: readonly string[]): Promise<void> {
  if (name === '--help' || args.includes('--help')) {
    const texts = BENCHMARKS.map(({ usage, question }) => `npm run bench -- ${usage} [--write]\n${question}\n`);
    console.log(`${texts.join('\n')}  --write    keep the figures in bench/results.md`);
    return;
  }
  const benchmark = BENCHMARKS.find((candidate) => candidate.name === name);
  if (benchmark === undefined) {
    throw new UsageError(`"${name}" is no benchmark; there are ${BENCHMARKS.map((known) => known.name).join(', ')}`);
  }
  const options = args.filter((arg) => arg !== '--write');
  const section = `${conditions()}\n\n${await benchmark.run(options, (text) => console.error(text))}`;
  console.log(section);
  if (args.includes('--write')) {
    await writeFile(RESULTS, replaceSection(await readFile(RESULTS, 'utf8'), benchmark.name, section));
  }
}

function conditions(): string {
  const day = new Date().toISOString().slice(0, 10);
  return `${day}, ${availableParallelism()} cores, ${process.platform}/${process.arch}, Node ${process.versions.node}.`;
}
