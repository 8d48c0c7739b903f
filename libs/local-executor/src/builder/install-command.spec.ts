import { describe, expect, it } from 'vitest';
import { installCommand, parseOsRelease } from './install-command.js';

describe('installCommand', () => {
  it.each([
    ['ID=debian\n', 'apt-get install -y buildah git'],
    ['ID=linuxmint\nID_LIKE="ubuntu debian"\n', 'apt-get install -y buildah git'],
    ['ID="rocky"\nID_LIKE="rhel centos fedora"\n', 'dnf install -y buildah git'],
    ['ID=alpine', 'apk add buildah git'],
    ['ID=plan9', "install buildah and git with this system's package manager"],
  ])('for %j', (release, expected) => {
    expect(installCommand(parseOsRelease(release), ['buildah', 'git'])).toBe(expected);
  });

  it('names podman where buildah does not exist', () => {
    expect(installCommand({ id: 'darwin', idLike: [] }, ['buildah'])).toBe('brew install podman');
  });
});
