import { Secret } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { findCredential } from './docker-config.js';

const basic = (user: string, password = 'pw') => ({ auth: Buffer.from(`${user}:${password}`).toString('base64') });

function userOf(auths: Record<string, unknown>, registry: string, path = 'team/app'): string | undefined {
  const found = findCredential(new Secret(JSON.stringify({ auths })), registry, path);
  return found?.kind === 'basic' ? found.username : found?.kind;
}

describe('findCredential', () => {
  it.each([
    ['a host', { 'registry.example': basic('u') }, 'registry.example', 'u'],
    ['a host with its port', { 'registry.example:5000': basic('u') }, 'registry.example:5000', 'u'],
    ['the default port', { 'registry.example:443': basic('u') }, 'registry.example', 'u'],
    ['a URL', { 'https://registry.example/v2/': basic('u') }, 'registry.example', 'u'],
    ['Docker Hub by its oldest name', { 'https://index.docker.io/v1/': basic('u') }, 'docker.io', 'u'],
    ['Docker Hub by its API host', { 'registry-1.docker.io': basic('u') }, 'docker.io', 'u'],
    ['the longest scope', { 'r.example': basic('a'), 'r.example/team': basic('b') }, 'r.example', 'b'],
    ['an identity token', { 'r.example': { identitytoken: 't' } }, 'r.example', 'identity-token'],
    ['a registry token', { 'r.example': { registrytoken: 't' } }, 'r.example', 'registry-token'],
    ['plain fields', { 'r.example': { username: 'u', password: 'p' } }, 'r.example', 'u'],
  ])('matches %s', (_name, auths, registry, expected) => {
    expect(userOf(auths, registry)).toBe(expected);
  });

  it.each([
    ['another port', { 'registry.example:5001': basic('u') }],
    ['a host that only begins alike', { 'registry.exampl': basic('u') }],
    ['a subdomain', { 'x.registry.example': basic('u') }],
    ['another path', { 'registry.example/tea': basic('u') }],
    ['an empty entry', { 'registry.example': {} }],
  ])('does not match %s', (_name, auths) => {
    expect(userOf(auths, 'registry.example')).toBeUndefined();
  });

  it('keeps colons of the password and never prints it', () => {
    const found = findCredential(new Secret(JSON.stringify({ auths: { r: basic('u', 'a:canary') } })), 'r', 'x');
    expect(found?.kind === 'basic' && found.password.reveal()).toBe('a:canary');
    expect(JSON.stringify(found)).not.toContain('canary');
  });

  it.each(['nonsense canary', '[]', '{"auths":[]}', '{"auths":{"r":{"auth":"!!"}}}'])(
    'names %j without printing it',
    (text) => {
      expect(() => findCredential(new Secret(text), 'r', 'x')).toThrow(/Docker config\.json/);
      expect(() => findCredential(new Secret(text), 'r', 'x')).not.toThrow(/canary/);
    },
  );
});
