/** Metadata of a stored object. */
export interface FakeMetadata {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: { uid: string; [field: string]: unknown }[];
  generateName?: string;
  [field: string]: unknown;
}

/** An object as the fake stores and serves it. */
export interface FakeObject {
  apiVersion?: string;
  kind?: string;
  metadata: FakeMetadata;
  [field: string]: unknown;
}

/** `<namespace>/<name>` or `<name>`. */
export function fakeKey(namespace: string | undefined, name: string): string {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** Label selector of the wire, `a=b,c!=d,e,!f,g in (x,y)`, as a predicate. */
export function labelMatcher(selector: string | undefined): (object: FakeObject) => boolean {
  if (selector === undefined || selector.trim() === '') return () => true;
  const tests = splitSelector(selector).map(requirement);
  return (object) => tests.every((test) => test(object.metadata.labels ?? {}));
}

function splitSelector(selector: string): string[] {
  return selector.match(/(?:[^,(]|\([^)]*\))+/g)?.map((part) => part.trim()) ?? [];
}

function requirement(text: string): (labels: Record<string, string>) => boolean {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(text);
  if (set !== null) {
    const values = (set[3] ?? '').split(',').map((value) => value.trim());
    const wanted = set[2] === 'in';
    return (labels) => values.includes(labels[set[1] ?? ''] ?? '\0') === wanted;
  }
  const equal = /^([^!=\s]+)\s*(==|=|!=)\s*(\S*)$/.exec(text);
  if (equal !== null) {
    const wanted = equal[2] !== '!=';
    return (labels) => (labels[equal[1] ?? ''] === equal[3]) === wanted;
  }
  return text.startsWith('!') ? (labels) => !(text.slice(1) in labels) : (labels) => text in labels;
}

/** Field selector of the wire (`metadata.name=x,status.phase!=Running`) as a predicate. */
export function fieldMatcher(selector: string | undefined): (object: FakeObject) => boolean {
  if (selector === undefined || selector === '') return () => true;
  const tests = selector.split(',').map((part) => /^([^!=]+)(==|=|!=)(.*)$/.exec(part));
  return (object) =>
    tests.every((test) => {
      let value: unknown = object;
      for (const step of (test?.[1] ?? '').split('.')) value = (value as Record<string, unknown> | undefined)?.[step];
      return ((value ?? '') === test?.[3]) === (test?.[2] !== '!=');
    });
}
