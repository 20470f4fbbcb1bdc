import { expect, test } from 'vitest';
import { formatPlatform, matchesPlatform, parsePlatform } from './platform.ts';

test.each([
  ['linux/amd64', 'linux/amd64', true],
  ['linux/arm', 'linux/arm/v7', true],
  ['linux/arm/v6', 'linux/arm/v7', false],
  ['linux/arm64', 'linux/arm64/v8', true],
  ['linux/arm64/v8', 'linux/arm64', true],
  ['linux/amd64', 'windows/amd64', false],
])('whoever wants %s is given %s: %s', (wanted, actual, isMatch) => {
  expect(matchesPlatform(parsePlatform(wanted), parsePlatform(actual))).toBe(isMatch);
});

test('every Windows is a windows/amd64', () => {
  const actual = { os: 'windows', architecture: 'amd64', 'os.version': '10.0.20348.2' };
  expect(matchesPlatform(parsePlatform('windows/amd64'), actual)).toBe(true);
});

test.each(['amd64', 'linux/', '/amd64', 'linux/arm/v7/x', 'linux/arm/', 'Linux/AMD64'])('%j is no platform', (text) => {
  expect(() => parsePlatform(text)).toThrow('os/architecture');
});

test('a platform prints as it is written', () => {
  expect(formatPlatform(parsePlatform('linux/arm/v7'))).toBe('linux/arm/v7');
});
