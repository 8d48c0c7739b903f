/** Fields of os-release(5) that name the distribution. */
export interface OperatingSystem {
  readonly id: string;
  readonly idLike: readonly string[];
}

const INSTALLERS: readonly (readonly [string, string])[] = [
  ['debian', 'apt-get install -y'],
  ['ubuntu', 'apt-get install -y'],
  ['fedora', 'dnf install -y'],
  ['rhel', 'dnf install -y'],
  ['centos', 'dnf install -y'],
  ['alpine', 'apk add'],
  ['arch', 'pacman -S --noconfirm'],
  ['suse', 'zypper install -y'],
  ['opensuse', 'zypper install -y'],
];

/** The command that installs these packages on that system; for a system that we do not know, in words. */
export function installCommand(system: OperatingSystem, packages: readonly string[]): string {
  const names = [system.id, ...system.idLike];
  const installer = INSTALLERS.find(([name]) => names.includes(name))?.[1];
  if (installer !== undefined) return `${installer} ${packages.join(' ')}`;
  if (system.id === 'darwin')
    return `brew install ${packages.map((name) => (name === 'buildah' ? 'podman' : name)).join(' ')}`;
  return `install ${packages.join(' and ')} with this system's package manager`;
}

/** Reads the text of /etc/os-release. */
export function parseOsRelease(text: string): OperatingSystem {
  const field = (name: string): string => {
    const match = new RegExp(`^${name}=(.*)$`, 'm').exec(text);
    return (match?.[1] ?? '')
      .trim()
      .replace(/^["']|["']$/g, '')
      .toLowerCase();
  };
  return {
    id: field('ID'),
    idLike: field('ID_LIKE')
      .split(/\s+/)
      .filter((word) => word !== ''),
  };
}
