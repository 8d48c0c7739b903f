import { describe, expect, it } from 'vitest';
import { cpuMillis, cpuQuantity, cpuText, memoryBytes, memoryQuantity, memoryText } from './resource-quantity.js';

describe('quantities of CPU', () => {
  it.each([
    ['2', 2000, '2'],
    ['0.5', 500, '500m'],
    ['500m', 500, '500m'],
    ['1.25', 1250, '1250m'],
    ['2000m', 2000, '2'],
  ])('%s is %d thousandths, written %s', (text, millis, written) => {
    expect(cpuQuantity(text)).toBeUndefined();
    expect(cpuMillis(text)).toBe(millis);
    expect(cpuText(millis)).toBe(written);
  });

  it.each(['', '0', '0.0', '-1', '1e3', '2 ', '1.2345', 'm', '0m', '10000', '.5'])('refuse %j', (text) => {
    expect(cpuQuantity(text)).toMatch(/quantity of CPU/);
  });
});

describe('quantities of memory', () => {
  it.each([
    ['4Gi', 4 * 2 ** 30, '4Gi'],
    ['512Mi', 512 * 2 ** 20, '512Mi'],
    ['1G', 1e9, '1000000000'],
    ['2048Mi', 2 ** 31, '2Gi'],
    ['8000k', 8e6, '8000000'],
  ])('%s is %d bytes, written %s', (text, bytes, written) => {
    expect(memoryQuantity(text)).toBeUndefined();
    expect(memoryBytes(text)).toBe(bytes);
    expect(memoryText(bytes)).toBe(written);
  });

  it.each(['', '0', '1Mi', '1024', '1.5Gi', '4gi', '4GB', '-4Gi'])('refuse %j', (text) => {
    expect(memoryQuantity(text)).toMatch(/quantity of memory/);
  });
});
