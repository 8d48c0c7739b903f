/**
 * Grammars of every string that a tenant types. Each function returns undefined when the text is fine, else what is
 * wrong and what would be right; callers add the path. Sources: OCI distribution 1.1 (tags, repositories),
 * git-check-ref-format (refs), POSIX (names), Kubernetes (labels).
 */
export type Grammar = (text: string) => string | undefined;

const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff\u200b-\u200f\u202a-\u202e\u2066-\u2069]/u;

function noControl(text: string): string | undefined {
  return CONTROL.test(text) ? 'must not contain control or invisible characters' : undefined;
}

/** OCI distribution: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`; `if-` is ours (attempt tags). */
export const imageTag: Grammar = (text) => {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(text)) {
    return 'must be 1 to 128 characters of A-Z a-z 0-9 _ . - and not begin with . or -';
  }
  return text.startsWith('if-') ? 'must not begin with "if-", which names attempts' : undefined;
};

const PATH_COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const REPOSITORY = new RegExp(
  `^(?=.{1,255}$)([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\\[[0-9a-fA-F:.]+\\])(?::([0-9]{1,5}))?((?:/${PATH_COMPONENT})+)$`,
);

/** `host[:port]/path…` without tag or digest; the host is required, so nothing defaults to a public registry. */
export const imageRepository: Grammar = (text) => {
  const match = REPOSITORY.exec(text);
  if (match === null) {
    return 'must be host[:port]/path in lower case, without tag or digest, as in registry.example/team/app';
  }
  const host = match[1] ?? '';
  const port = match[2];
  if (!host.includes('.') && !host.startsWith('[') && port === undefined && host !== 'localhost') {
    return 'must begin with a registry host, as in registry.example/team/app';
  }
  return port !== undefined && (Number(port) < 1 || Number(port) > 65_535)
    ? 'has a port outside 1 to 65535'
    : undefined;
};

/** git-check-ref-format for a branch or tag name. */
export const gitRef: Grammar = (text) => {
  const wrong =
    text.length === 0 ||
    text.length > 255 ||
    text === '@' ||
    text.startsWith('-') ||
    text.startsWith('/') ||
    text.endsWith('/') ||
    text.endsWith('.') ||
    text.includes('..') ||
    text.includes('//') ||
    text.includes('@{') ||
    /[\u0000-\u0020\u007f~^:?*[\\]/.test(text) ||
    text.split('/').some((part) => part.startsWith('.') || part.endsWith('.lock')) ||
    CONTROL.test(text);
  return wrong ? 'must be a branch or tag name that git check-ref-format accepts, at most 255 characters' : undefined;
};

/** 40 (SHA-1) or 64 (SHA-256) hex digits. */
export const gitCommit: Grammar = (text) =>
  /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i.test(text) ? undefined : 'must be 40 or 64 hex digits';

/** A path inside the checked-out repository: relative, never above it. */
export const contextPath: Grammar = (text) => {
  if (text.length === 0 || text.length > 1024) return 'must be 1 to 1024 characters';
  if (text.startsWith('/') || text.startsWith('~') || text.includes('\\')) {
    return 'must be relative to the repository, with / between its parts';
  }
  if (text.startsWith('-')) return 'must not begin with -';
  if (text.split('/').includes('..')) return 'must not leave the context with ..';
  return noControl(text);
};

/** POSIX name of a build argument or a Packer variable. */
export const argumentName: Grammar = (text) =>
  /^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(text)
    ? undefined
    : 'must be a name of letters, digits and _, not beginning with a digit';

/** Value of a build argument: one line, bounded. Shell characters are fine: it is passed as one argument. */
export const argumentValue: Grammar = (text) => {
  if (text.length > 4096) return 'must be at most 4096 characters';
  return /[\u0000\n\r]/.test(text) ? 'must be one line without NUL' : undefined;
};

/** `os/arch[/variant]` as OCI image indexes have it. */
export const platform: Grammar = (text) =>
  /^[a-z0-9]{1,20}\/[a-z0-9_]{1,20}(?:\/[a-z0-9.]{1,20})?$/.test(text)
    ? undefined
    : 'must be os/architecture[/variant], as in linux/amd64';

/** Name of a build stage. */
export const buildTarget: Grammar = (text) =>
  /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(text) ? undefined : 'must be the name or number of a build stage';

/** A name that people give to an object: shown, never executed. */
export const displayName: Grammar = (text) => {
  if (text.trim() !== text || text.length === 0 || text.length > 100) {
    return 'must be 1 to 100 characters without space at either end';
  }
  return noControl(text);
};

/** Kubernetes label key. */
export const labelKey: Grammar = (text) =>
  /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(text)
    ? undefined
    : 'must be a Kubernetes label key';

/** Kubernetes label value. */
export const labelValue: Grammar = (text) =>
  /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/.test(text) ? undefined : 'must be a Kubernetes label value';

/**
 * A git repository that a Task may clone: https, http or ssh (also `git@host:path`), with a host and no userinfo but an
 * ssh user name. Which hosts may be reached is egress' decision, not the grammar's.
 */
export const gitRepositoryUrl: Grammar = (text) => {
  if (text.length > 2048) return 'must be at most 2048 characters';
  const control = noControl(text);
  if (control !== undefined || /\s/.test(text)) return control ?? 'must not contain white space';
  if (/^[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[A-Za-z0-9_~][A-Za-z0-9._/~-]*$/.test(text))
    return undefined;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return 'must be an https://, http:// or ssh:// URL, or user@host:path';
  }
  if (!['https:', 'http:', 'ssh:'].includes(url.protocol)) return 'must use https, http or ssh';
  if (url.hostname === '') return 'must name a host';
  if (url.password !== '' || (url.protocol !== 'ssh:' && url.username !== '')) {
    return 'must not carry credentials; use a repository auth';
  }
  if (url.hash !== '' || url.search !== '') return 'must not have a query or fragment';
  if (url.hostname.startsWith('-') || url.pathname.length < 2) return 'must name a repository path';
  return undefined;
};

/** Kubernetes quantity of storage, as in `1Gi`. */
export const storageQuantity: Grammar = (text) =>
  /^[1-9][0-9]{0,5}(?:Mi|Gi|Ti|M|G|T)$/.test(text) ? undefined : 'must be a quantity as in 1Gi';
