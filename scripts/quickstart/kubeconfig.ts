import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { Failure } from '../start/failure.ts';

type Fields = Record<string, unknown>;

interface NamedList {
  readonly name?: unknown;
  readonly cluster?: Fields;
  readonly user?: Fields;
  readonly context?: Fields;
}

/** One context of a user's kubeconfig as a text without references to files. */
export interface InlinedKubeconfig {
  readonly text: string;
  readonly server: string;
  readonly context: string;
}

const TOKEN_COMMANDS = (
  file: string,
  context: string,
): string => `Make a token for a ServiceAccount and use a kubeconfig with it:

  export KUBECONFIG=${file}
  kubectl --context ${context} create namespace image-factory
  kubectl --context ${context} -n image-factory create serviceaccount image-factory
  kubectl --context ${context} create clusterrolebinding image-factory --clusterrole=cluster-admin --serviceaccount=image-factory:image-factory
  kubectl --context ${context} config view --minify --flatten --raw > image-factory.kubeconfig
  kubectl --kubeconfig image-factory.kubeconfig config set-credentials image-factory --token="$(kubectl --context ${context} -n image-factory create token image-factory --duration=24h)"
  kubectl --kubeconfig image-factory.kubeconfig config set-context --current --user=image-factory

and then: npm run quickstart -- --kubeconfig image-factory.kubeconfig …
(cluster-admin is for trying out; deploy/tekton lists the rights that are needed.)`;

/** Fields that name a file, and the field that takes its content: base64, or text for a token. */
const FILE_FIELDS: Readonly<Record<string, { readonly to: string; readonly isText: boolean }>> = {
  'certificate-authority': { to: 'certificate-authority-data', isText: false },
  'client-certificate': { to: 'client-certificate-data', isText: false },
  'client-key': { to: 'client-key-data', isText: false },
  tokenFile: { to: 'token', isText: true },
};

function expand(path: string, base: string): string {
  if (path.startsWith('~/')) return join(homedir(), path.slice(2));
  return isAbsolute(path) ? path : resolve(base, path);
}

function read(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure(`${what} cannot be read: ${reason}`, 'Give a file that this user may read.');
  }
}

function inline(fields: Fields, base: string): Fields {
  const result: Fields = {};
  for (const [key, value] of Object.entries(fields)) {
    const rule = FILE_FIELDS[key];
    if (rule === undefined) result[key] ??= value;
    else if (typeof value === 'string' && value !== '') {
      const content = read(expand(value, base), `${key} ${value}`);
      result[rule.to] ??= rule.isText ? content.toString('utf8').trim() : content.toString('base64');
    }
  }
  return result;
}

function entryOf(config: Fields, list: string, name: unknown): NamedList | undefined {
  const entries = config[list];
  return Array.isArray(entries) ? (entries as NamedList[]).find((entry) => entry.name === name) : undefined;
}

/**
 * Takes one context of a kubeconfig and puts the content of every file that it names into the text, because the API
 * reads no files of ours. A user that runs a program (`exec`, `auth-provider`) is answered with how to make a token.
 */
export function inlineKubeconfig(file: string, wantedContext: string | undefined): InlinedKubeconfig {
  const path = resolve(file);
  let config: Fields;
  try {
    config = parse(read(path, `The kubeconfig ${file}`).toString('utf8')) as Fields;
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(
      `${file} is not YAML: ${error instanceof Error ? error.message : String(error)}`,
      'Give a kubeconfig.',
    );
  }
  const contextName = wantedContext ?? config?.['current-context'];
  const context = entryOf(config ?? {}, 'contexts', contextName)?.context;
  if (typeof contextName !== 'string' || context === undefined) {
    const names = ((config?.['contexts'] as NamedList[] | undefined) ?? [])
      .map((entry) => String(entry.name))
      .join(', ');
    throw new Failure(
      `${file} has no context ${String(contextName)}.`,
      `Name one of these with --context: ${names || '(none)'}`,
    );
  }
  const cluster = entryOf(config, 'clusters', context['cluster'])?.cluster;
  const user = entryOf(config, 'users', context['user'])?.user;
  if (cluster === undefined || user === undefined || typeof cluster['server'] !== 'string') {
    throw new Failure(
      `Context ${contextName} of ${file} names a cluster or user that is not there.`,
      'Correct the file.',
    );
  }
  if (user['exec'] !== undefined || user['auth-provider'] !== undefined) {
    throw new Failure(
      `The user of context ${contextName} runs a program to sign in, which servers must not do.`,
      TOKEN_COMMANDS(path, contextName),
    );
  }
  const text = stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': contextName,
    clusters: [{ name: 'cluster', cluster: inline(cluster, dirname(path)) }],
    users: [{ name: 'user', user: inline(user, dirname(path)) }],
    contexts: [{ name: contextName, context: { cluster: 'cluster', user: 'user' } }],
  });
  return { text, server: cluster['server'], context: contextName };
}
