/**
 * Reads `origin=origin` pairs with commas between: where an API of a cloud is reached instead of at its public origin
 * (private links). The first problem as a text when one is wrong.
 */
export function parseCloudEndpoints(text: string): Readonly<Record<string, string>> | string {
  const found: Record<string, string> = {};
  for (const pair of text.split(',').map((one) => one.trim())) {
    if (pair === '') continue;
    const [from, to, ...rest] = pair.split('=');
    if (!isOrigin(from, ['https:']) || !isOrigin(to, ['https:', 'http:']) || rest.length > 0) {
      return 'must be pairs of origins, as https://container.googleapis.com=https://container-psc.p.googleapis.com';
    }
    if (from in found) return 'must not name an origin twice';
    found[from] = to;
  }
  return found;
}

function isOrigin(text: string | undefined, protocols: readonly string[]): text is string {
  if (text === undefined || !URL.canParse(text)) return false;
  const url = new URL(text);
  return protocols.includes(url.protocol) && url.origin === text;
}
