import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { REQUIRED_ACCESS } from './required-access.js';

interface ClusterRole {
  readonly kind: string;
  readonly rules: readonly { readonly apiGroups?: string[]; readonly resources?: string[]; readonly verbs: string[] }[];
}

describe('the required access', () => {
  it('is granted by the rules that we ship', () => {
    const text = readFileSync(new URL('../../../../deploy/tekton/rbac.yaml', import.meta.url), 'utf8');
    const documents = parseAllDocuments(text).map((document) => document.toJS() as ClusterRole);
    const rules = documents.find((document) => document.kind === 'ClusterRole')?.rules ?? [];
    const missing = REQUIRED_ACCESS.flatMap(({ group, resource, subresource, verbs }) => {
      const name = subresource === undefined ? resource : `${resource}/${subresource}`;
      const granted = rules.filter(
        (rule) => rule.apiGroups?.includes(group) === true && rule.resources?.includes(name) === true,
      );
      return verbs
        .filter((verb) => !granted.some((rule) => rule.verbs.includes(verb)))
        .map((verb) => `${verb} ${name}`);
    });
    expect(missing).toEqual([]);
  });
});
