import { describe, expect, it } from 'vitest';
import { fetchCommands, initCommand, isUnknownRevision } from './clone-commands.js';

const input = { git: '/usr/bin/git', source: '/run/source', pinned: undefined };
const clone = (revision: string) => ({ url: 'https://git.example/a.git', revision, hasCredential: false });
const refsOf = (revision: string) => fetchCommands(input, clone(revision)).map((command) => command.args.slice(-1)[0]);

describe('fetchCommands', () => {
  it('fetches a commit by itself, then everything', () => {
    const commit = 'a'.repeat(40);
    expect(refsOf(commit)).toEqual([commit, '+refs/tags/*:refs/tags/*']);
  });

  it('fetches a branch, then a tag, by whole names that nothing can be read into', () => {
    expect(refsOf('main')).toEqual(['refs/heads/main', 'refs/tags/main']);
    expect(refsOf('+main')).toEqual(['refs/heads/+main', 'refs/tags/+main']);
    expect(refsOf('refs/heads/main')).toEqual(['refs/heads/main']);
  });

  it('ends options before what a tenant typed', () => {
    for (const { args } of fetchCommands(input, clone('main'))) {
      expect(args.indexOf('--end-of-options')).toBe(args.indexOf('https://git.example/a.git') - 1);
    }
  });

  it('follows no redirect and connects to the judged addresses only', () => {
    const pinned = { host: 'git.example', port: 443, addresses: ['192.0.2.1', '2001:db8::1'] };
    const { args } = initCommand({ ...input, pinned });
    expect(args).toContain('http.followRedirects=false');
    expect(args).toContain('http.curloptResolve=git.example:443:192.0.2.1,[2001:db8::1]');
  });
});

describe('isUnknownRevision', () => {
  it.each([
    ["fatal: couldn't find remote ref refs/heads/x", true],
    ['error: Server does not allow request for unadvertised object abc', true],
    ['fatal: remote error: upload-pack: not our ref abc', true],
    ['fatal: Authentication failed for x', false],
  ])('reads %s', (text, expected) => {
    expect(isUnknownRevision(text)).toBe(expected);
  });
});
