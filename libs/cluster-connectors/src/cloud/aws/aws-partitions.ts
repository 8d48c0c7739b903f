/** A part of AWS with identities and hosts of its own. */
interface AwsPartition {
  /** As in ARNs. */
  readonly name: string;
  readonly regions: RegExp;
  readonly dnsSuffix: string;
}

/** AWS General Reference, service endpoints. */
const PARTITIONS: readonly AwsPartition[] = [
  { name: 'aws-cn', regions: /^cn-/, dnsSuffix: 'amazonaws.com.cn' },
  { name: 'aws-us-gov', regions: /^us-gov-/, dnsSuffix: 'amazonaws.com' },
  { name: 'aws-iso', regions: /^us-iso-/, dnsSuffix: 'c2s.ic.gov' },
  { name: 'aws-iso-b', regions: /^us-isob-/, dnsSuffix: 'sc2s.sgov.gov' },
  { name: 'aws-iso-e', regions: /^eu-isoe-/, dnsSuffix: 'cloud.adc-e.uk' },
  { name: 'aws-iso-f', regions: /^us-isof-/, dnsSuffix: 'csp.hci.ic.gov' },
  { name: 'aws-eusc', regions: /^eusc-/, dnsSuffix: 'amazonaws.eu' },
];
const COMMERCIAL: AwsPartition = { name: 'aws', regions: /^/, dnsSuffix: 'amazonaws.com' };

/** The partition that a region is in. */
export function partitionOf(region: string): AwsPartition {
  return PARTITIONS.find(({ regions }) => regions.test(region)) ?? COMMERCIAL;
}

/** STS of a region. */
export function stsHost(region: string): string {
  return `sts.${region}.${partitionOf(region).dnsSuffix}`;
}
