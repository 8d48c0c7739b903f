import type { CloudHttp } from '../cloud-http.js';
import { urlOf } from './aws-handler.js';
import { type AwsKeys, stsRequest, stsSigner } from './eks-token.js';

/**
 * The account that keys belong to (STS `GetCallerIdentity`, which needs no permission).
 * @throws an error in the shape of the SDK's; what fetch throws
 */
export async function askStsWhoWeAre(
  region: string,
  keys: AwsKeys,
  http: CloudHttp,
  now: Date,
  signal: AbortSignal,
): Promise<string> {
  const request = await stsRequest(region, { accept: 'application/json' });
  const signed = await (await stsSigner(region, keys)).sign(request, { signingDate: now });
  const answer = await http.fetch('api')(urlOf(signed), { headers: signed.headers, signal });
  const body = (await answer.json().catch(() => ({}))) as {
    readonly Error?: { readonly Code?: string };
    readonly GetCallerIdentityResponse?: { readonly GetCallerIdentityResult?: { readonly Account?: unknown } };
  };
  const account = body.GetCallerIdentityResponse?.GetCallerIdentityResult?.Account;
  if (answer.status === 200 && typeof account === 'string' && /^\d{12}$/.test(account)) return account;
  const refusal = Object.assign(new Error('no caller identity'), { $metadata: { httpStatusCode: answer.status } });
  refusal.name = body.Error?.Code ?? 'Error';
  throw refusal;
}
