import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { REQUIRED_ACCESS } from './required-access.js';

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

function shippedRules(): readonly Rule[] {
  const text = readFileSync(new URL('../../../../deploy/tekton/rbac.yaml', import.meta.url), 'utf8');
  const documents = parseAllDocuments(text).map((document) => document.toJS() as { kind: string; rules: Rule[] });
  return documents.find((document) => document.kind === 'ClusterRole')?.rules ?? [];
}

describe('the required access', () => {
  it('is granted by the rules that we ship', () => {
    const rules = shippedRules();
    const missing = REQUIRED_ACCESS.flatMap(({ group, resource, subresource, name: object, verbs }) => {
      const name = subresource === undefined ? resource : `${resource}/${subresource}`;
      const granted = rules.filter(
        ({ apiGroups, resources, resourceNames }) =>
          apiGroups?.includes(group) === true &&
          resources?.includes(name) === true &&
          (resourceNames === undefined || (object !== undefined && resourceNames.includes(object))),
      );
      return verbs
        .filter((verb) => !granted.some((rule) => rule.verbs.includes(verb)))
        .map((verb) => `${verb} ${name}`);
    });
    expect(missing).toEqual([]);
  });

  it('lets nobody read a Secret or ConfigMap that is not named, nor anything by a wildcard', () => {
    const reading = ['get', 'list', 'watch', 'patch', 'update'];
    const tooWide = shippedRules().filter(
      ({ apiGroups = [], resources = [], resourceNames, verbs }) =>
        [...apiGroups, ...resources, ...verbs].includes('*') ||
        (resources.some((name) => name === 'secrets' || name === 'configmaps') &&
          resourceNames === undefined &&
          verbs.some((verb) => reading.includes(verb))),
    );
    expect(tooWide).toEqual([]);
  });
});
