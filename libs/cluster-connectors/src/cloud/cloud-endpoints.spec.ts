import { describe, expect, it } from 'vitest';
import { parseCloudEndpoints } from './cloud-endpoints.js';

const ARM = 'https://management.azure.com';

describe('endpoints of clouds', () => {
  it.each([
    ['', {}],
    [`${ARM}=https://management.chinacloudapi.cn`, { [ARM]: 'https://management.chinacloudapi.cn' }],
    [
      `${ARM}=http://127.0.0.1:8080, https://a.example=https://b.example:8443,`,
      { [ARM]: 'http://127.0.0.1:8080', 'https://a.example': 'https://b.example:8443' },
    ],
  ])('are read: %j', (text, expected) => {
    expect(parseCloudEndpoints(text)).toEqual(expected);
  });

  it.each([
    [ARM, /pairs of origins/],
    [`${ARM}=`, /pairs of origins/],
    [`${ARM}=other`, /pairs of origins/],
    [`${ARM}/=https://b.example`, /pairs of origins/],
    [`${ARM}=https://b.example/path`, /pairs of origins/],
    [`http://a.example=https://b.example`, /pairs of origins/],
    [`${ARM}=https://u:p@b.example`, /pairs of origins/],
    [`${ARM}=https://a.example=https://b.example`, /pairs of origins/],
    [`${ARM}=https://a.example,${ARM}=https://b.example`, /twice/],
  ])('are refused: %j', (text, message) => {
    expect(parseCloudEndpoints(text)).toMatch(message);
  });
});
