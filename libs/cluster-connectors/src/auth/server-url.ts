/**
 * What is wrong with an API server's URL; undefined when it is `https://host[:port][/prefix]`. Plain http is for
 * destinations that the operator lists, and passes only with `allowHttp`.
 */
export function serverUrlProblem(text: string, allowHttp = false): string | undefined {
  if (text.length > 2048 || /[\u0000-\u0020\u007f-\uffff\\]/u.test(text)) return 'must be a URL of printable ASCII';
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return 'must be a URL, as in https://cluster.example:6443';
  }
  if (url.protocol !== 'https:' && !(allowHttp && url.protocol === 'http:')) return 'must begin with https://';
  if (url.username !== '' || url.password !== '' || text.includes('@')) return 'must not carry user information';
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(text)) return 'must not have a query or fragment';
  if (url.hostname === '') return 'must name a host';
  return undefined;
}

/** The URL as connections use it: no trailing slash. */
export function normalServer(text: string): string {
  return text.replace(/\/+$/, '');
}

/** What is wrong with a name for the server's certificate; undefined when it is a host name or an address. */
export function tlsServerNameProblem(text: string): string | undefined {
  return /^(?=.{1,253}$)[A-Za-z0-9_.:-]+$/.test(text) ? undefined : 'must be a host name or an address';
}

/** What is wrong with a proxy's URL; undefined when it is `http(s)://host[:port]`. */
export function proxyUrlProblem(text: string): string | undefined {
  const problem = serverUrlProblem(text, true);
  if (problem === undefined && !/^https?:$/.test(new URL(text).protocol)) return 'must begin with http:// or https://';
  if (problem === undefined && !/^\/*$/.test(new URL(text).pathname)) return 'must not have a path';
  return problem?.replace('must begin with https://', 'must begin with http:// or https://');
}
