// How figures that are counted elsewhere come into a Registry: they are read when somebody asks for them.
import { Counter, Gauge, type Registry } from 'prom-client';
import { DURATION_BOUNDS_MS, type Durations } from '../observe/request-metrics.ts';
import { CountedHistogram } from './counted-histogram.ts';

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface LabelledMetric {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

/** Samples of the same labels are added up. */
export function addCounter(registry: Registry, metric: LabelledMetric, read: () => readonly Sample[]): void {
  const counter = new Counter({
    ...metric,
    registers: [],
    collect() {
      this.reset();
      for (const { labels, value } of read()) this.inc(labels, value);
    },
  });
  registry.registerMetric(counter);
}

/** One value; left out while `read` rejects. */
export function addGauge(registry: Registry, name: string, help: string, read: () => Promise<number>): void {
  const gauge = new Gauge({
    name,
    help,
    registers: [],
    async collect() {
      const value = await read().catch(() => undefined);
      if (value === undefined) this.remove();
      else this.set(value);
    },
  });
  registry.registerMetric(gauge);
}

/** A value for each of the labels that there are at the moment; none while `read` throws. */
export function addGauges(registry: Registry, metric: LabelledMetric, read: () => readonly Sample[]): void {
  const gauge = new Gauge({
    ...metric,
    registers: [],
    collect() {
      this.reset();
      for (const { labels, value } of readOrNone(read)) this.set(labels, value);
    },
  });
  registry.registerMetric(gauge);
}

function readOrNone(read: () => readonly Sample[]): readonly Sample[] {
  try {
    return read();
  } catch {
    return [];
  }
}

interface LabelledDurations {
  readonly labels: Sample['labels'];
  readonly durations: Durations;
}

export function addDurations(
  registry: Registry,
  metric: LabelledMetric,
  read: () => readonly LabelledDurations[],
): void {
  const config = { ...metric, buckets: DURATION_BOUNDS_MS.map((boundMs) => boundMs / 1000), registers: [] };
  const counted = () =>
    read().map(({ labels, durations: { counts, sumMs } }) => ({ labels, counts, sum: sumMs / 1000 }));
  registry.registerMetric(new CountedHistogram(config, counted));
}
