import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { Failure } from '../start/failure.ts';
import { inlineKubeconfig } from './kubeconfig.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'image-factory-kubeconfig-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(user: Record<string, unknown>): string {
  const file = join(folder, 'config');
  writeFileSync(join(folder, 'ca.crt'), 'CA');
  writeFileSync(join(folder, 'token'), 'secret-token\n');
  writeFileSync(
    file,
    stringify({
      'current-context': 'one',
      clusters: [{ name: 'c', cluster: { server: 'https://cluster:6443', 'certificate-authority': 'ca.crt' } }],
      users: [{ name: 'u', user }],
      contexts: [
        { name: 'one', context: { cluster: 'c', user: 'u' } },
        { name: 'broken', context: { cluster: 'c', user: 'nobody' } },
      ],
    }),
  );
  return file;
}

describe('inlineKubeconfig', () => {
  it('puts files that are named relative to the kubeconfig into the text and leaves one context', () => {
    const { text, server, context } = inlineKubeconfig(write({ tokenFile: 'token' }), undefined);
    expect(server).toBe('https://cluster:6443');
    expect(context).toBe('one');
    expect(parse(text)).toMatchObject({
      'current-context': 'one',
      clusters: [{ cluster: { 'certificate-authority-data': Buffer.from('CA').toString('base64') } }],
      users: [{ user: { token: 'secret-token' } }],
      contexts: [{ name: 'one' }],
    });
  });

  it('answers exec with the commands that make a token', () => {
    const file = write({ exec: { command: 'aws' } });
    expect(() => inlineKubeconfig(file, undefined)).toThrow(Failure);
    try {
      inlineKubeconfig(file, undefined);
    } catch (error) {
      expect((error as Failure).advice).toContain(`KUBECONFIG=${file}`);
      expect((error as Failure).advice).toContain('create token image-factory');
    }
  });

  it('names the contexts that there are', () => {
    const file = write({ token: 't' });
    try {
      inlineKubeconfig(file, 'two');
      expect.unreachable();
    } catch (error) {
      expect((error as Failure).advice).toContain('one, broken');
    }
  });

  it('says which file is missing or which entry leads nowhere', () => {
    expect(() => inlineKubeconfig(join(folder, 'none'), undefined)).toThrow(/cannot be read/);
    expect(() => inlineKubeconfig(write({ tokenFile: 'gone' }), undefined)).toThrow(/tokenFile gone cannot be read/);
    expect(() => inlineKubeconfig(write({ token: 't' }), 'broken')).toThrow(/not there/);
  });
});
