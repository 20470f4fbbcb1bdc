import { defineConfig } from 'vitest/config';

// Real programs, one file at a time: what they measure and the ports they open are theirs alone.
export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 120_000,
    // Programs of others, on a machine that others use: what fails once is tried once more, and the report says so.
    retry: 1,
  },
});
