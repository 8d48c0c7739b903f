import { describe, expect, it } from 'vitest';
import { assertReference, canonicalRegistryHost, isDigest, parseRepository } from './repository-reference.js';

describe('parseRepository', () => {
  it.each([
    ['registry.example/team/app', 'registry.example', 'registry.example', 'team/app'],
    ['127.0.0.1:5000/app', '127.0.0.1:5000', '127.0.0.1:5000', 'app'],
    ['[::1]:5000/app', '[::1]:5000', '[::1]:5000', 'app'],
    ['Registry.Example/app', 'registry.example', 'registry.example', 'app'],
    ['docker.io/alpine', 'docker.io', 'registry-1.docker.io', 'library/alpine'],
    ['docker.io/team/app', 'docker.io', 'registry-1.docker.io', 'team/app'],
    ['index.docker.io/team/app', 'index.docker.io', 'registry-1.docker.io', 'team/app'],
  ])('splits %s', (repository, registry, apiHost, path) => {
    expect(parseRepository(repository)).toEqual({ registry, apiHost, path });
  });

  it.each(['app', 'http://registry.example/app', 'registry.example/../x', 'registry.example/app:tag'])(
    'refuses %s',
    (text) => {
      expect(() => parseRepository(text)).toThrow(/image repository/);
    },
  );
});

describe('references', () => {
  it('are tags or digests', () => {
    expect(isDigest(`sha256:${'a'.repeat(64)}`)).toBe(true);
    expect(isDigest('sha256:zz')).toBe(false);
    expect(() => assertReference('latest')).not.toThrow();
    for (const bad of ['', '../x', 'a/b', 'a?b', 'sha256:12', 'a\nb']) expect(() => assertReference(bad)).toThrow();
  });

  it('know every spelling of a host', () => {
    expect(canonicalRegistryHost('REGISTRY-1.docker.io')).toBe('docker.io');
    expect(canonicalRegistryHost('registry.example:443')).toBe('registry.example');
    expect(canonicalRegistryHost('registry.example:5000')).toBe('registry.example:5000');
  });
});
