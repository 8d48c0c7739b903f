import ipaddr from 'ipaddr.js';

/**
 * What an address is to us. `metadata`, `link-local` and `unroutable` are never reached, whatever is allow-listed;
 * `loopback` and `private` need a reason (the purpose, or the allow list); `public` is free.
 */
export type AddressClass = 'public' | 'private' | 'loopback' | 'link-local' | 'metadata' | 'unroutable';

/** Instance metadata and host-agent addresses of the large clouds. Some of them are outside link-local. */
const METADATA_ADDRESSES: readonly string[] = [
  '169.254.169.254', // AWS, GCP, Azure, OpenStack, DigitalOcean
  '169.254.170.2', // AWS task credentials
  '169.254.170.23', // AWS pod identity
  '169.254.42.42', // Scaleway
  '100.100.100.200', // Alibaba Cloud
  '192.0.0.192', // Oracle Cloud, older shapes
  '168.63.129.16', // Azure host agent
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254', // GCP
  'fd00:42::42', // Scaleway
].map((text) => ipaddr.parse(text).toNormalizedString());

const CLASS_OF_RANGE: Readonly<Record<string, AddressClass>> = {
  unicast: 'public',
  loopback: 'loopback',
  linkLocal: 'link-local',
  unspecified: 'unroutable',
  broadcast: 'unroutable',
  multicast: 'unroutable',
};

/** IPv6 blocks whose addresses carry an IPv4 address, and at which byte. RFC 4291, 6052, 3056, 4380, 2765. */
const EMBEDDING_BLOCKS: readonly { readonly block: string; readonly at: number; readonly inverted?: boolean }[] = [
  { block: '::ffff:0:0/96', at: 12 },
  { block: '::ffff:0:0:0/96', at: 12 },
  { block: '::/96', at: 12 },
  { block: '64:ff9b::/96', at: 12 },
  { block: '64:ff9b:1::/48', at: 12 },
  { block: '2002::/16', at: 2 },
  { block: '2001::/32', at: 12, inverted: true },
];

/** The class of an address in text; undefined when the text is no address. Zone ids make it link-local. */
export function addressClass(text: string): AddressClass | undefined {
  const bare = text.replace(/^\[|\]$/g, '');
  if (bare.includes('%')) return 'link-local';
  if (!ipaddr.isValid(bare)) return undefined;
  const address = ipaddr.parse(bare);
  return address instanceof ipaddr.IPv6 ? classOfIpv6(address) : classOfIpv4(address);
}

/** Canonical text, with an IPv4-mapped address as its IPv4 form; undefined when the text is no address. */
export function canonicalAddress(text: string): string | undefined {
  const bare = text.replace(/^\[|\]$/g, '');
  return ipaddr.isValid(bare) ? ipaddr.process(bare).toString() : undefined;
}

function classOfIpv4(address: ipaddr.IPv4): AddressClass {
  if (METADATA_ADDRESSES.includes(address.toNormalizedString())) return 'metadata';
  return CLASS_OF_RANGE[address.range()] ?? 'private';
}

function classOfIpv6(address: ipaddr.IPv6): AddressClass {
  if (METADATA_ADDRESSES.includes(address.toNormalizedString())) return 'metadata';
  const range = address.range();
  if (range === 'loopback' || range === 'unspecified') return CLASS_OF_RANGE[range] ?? 'unroutable';
  const embedded = embeddedIpv4(address);
  if (embedded !== undefined) {
    const inner = classOfIpv4(embedded);
    return inner === 'public' && range !== 'ipv4Mapped' && range !== 'rfc6052' ? 'private' : inner;
  }
  return CLASS_OF_RANGE[range] ?? 'private';
}

function embeddedIpv4(address: ipaddr.IPv6): ipaddr.IPv4 | undefined {
  const bytes = address.toByteArray();
  // ISATAP (RFC 5214): …:0:5efe:a.b.c.d
  const isatap = (bytes[8] === 0 || bytes[8] === 2) && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe;
  if (isatap) return new ipaddr.IPv4(bytes.slice(12, 16));
  for (const { block, at, inverted } of EMBEDDING_BLOCKS) {
    const [network, bits] = ipaddr.IPv6.parseCIDR(block);
    if (!address.match(network, bits)) continue;
    const inner = bytes.slice(at, at + 4);
    return new ipaddr.IPv4(inverted === true ? inner.map((byte) => byte ^ 0xff) : inner);
  }
  return undefined;
}
