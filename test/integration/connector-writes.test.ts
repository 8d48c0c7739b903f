import { ClusterConnection, PATCH_TYPES, resolveAccess } from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';
import { FakeClock, FakeKubeApiServer } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const fileRules = { allowedDirs: [], anyPath: false };
let server: FakeKubeApiServer;
let connection: ClusterConnection;

beforeEach(async () => {
  server = await FakeKubeApiServer.start({ namespaces: ['builds'] });
  connection = new ClusterConnection({
    providerId: 'p',
    generation: 1,
    access: await resolveAccess('token', server.providerConfig(), { fileRules }),
    egress: new EgressPolicy({ allow: ['127.0.0.1'] }),
    clock: new FakeClock(),
    fileRules,
  });
});

afterEach(async () => {
  await connection.close();
  await server.close();
});

describe('writes', () => {
  it('creates, merges, applies and deletes with a uid precondition', async () => {
    const path = '/api/v1/namespaces/builds/secrets/s';
    const query = { fieldManager: 'image-factory', force: true };
    const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', labels: { a: '1' } } };
    const created = await connection.request<{ metadata: { uid: string } }>({
      requestClass: 'status',
      method: 'PATCH',
      path,
      query,
      body,
      contentType: PATCH_TYPES.apply,
    });
    expect(created.status).toBe(201);
    await connection.request({
      requestClass: 'status',
      method: 'PATCH',
      path,
      body: { metadata: { labels: { b: '2' } } },
      contentType: PATCH_TYPES.merge,
    });
    expect(server.store.find('secrets', 'builds', 's')?.metadata.labels).toEqual({ a: '1', b: '2' });
    const wrong = connection.request({
      requestClass: 'status',
      method: 'DELETE',
      path,
      body: { preconditions: { uid: 'other' } },
    });
    await expect(wrong).rejects.toMatchObject({ reason: 'ObjectConflict' });
    await connection.request({
      requestClass: 'status',
      method: 'DELETE',
      path,
      body: { preconditions: { uid: created.body.metadata.uid } },
    });
    expect(server.store.find('secrets', 'builds', 's')).toBeUndefined();
  });

  it('sends a string body byte for byte', async () => {
    const text = '{"metadata":  {"name":"exact","labels":{"x":"ü"}}}';
    await connection.request({
      requestClass: 'status',
      method: 'POST',
      path: '/api/v1/namespaces/builds/secrets',
      body: text,
    });
    expect(server.requests[0]?.bodyText).toBe(text);
  });
});
