export { addressClass } from './address-class.js';
export type { AddressClass } from './address-class.js';
export { egressConnector, pinnedLookup } from './egress-connector.js';
export { EgressPolicy } from './egress-policy.js';
export type { EgressOptions } from './egress-policy.js';
export { egressError } from './egress-verdict.js';
export type { EgressPurpose, EgressRefusal, EgressVerdict } from './egress-verdict.js';
