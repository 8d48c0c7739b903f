import { Database, type Transaction } from '@image-factory/persistence';
import { createTestDatabase, type TestDatabase } from '@image-factory/test-support';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

describe('a transaction', () => {
  let test: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    test = await createTestDatabase();
    database = Database.create({ url: test.url, poolSize: 2, applicationName: 'test' });
    await database.connect();
    await database.query('CREATE TABLE notes (word text PRIMARY KEY)');
  });
  beforeEach(() => database.query('TRUNCATE notes'));
  afterAll(async () => {
    await database.close();
    await test.drop();
  });

  const note = (tx: Transaction, word: string): Promise<unknown> => tx.query('INSERT INTO notes VALUES ($1)', [word]);
  const words = async (): Promise<string[]> =>
    (await database.query<{ word: string }>('SELECT word FROM notes ORDER BY word')).map((row) => row.word);

  it('runs statements that do not wait for each other in their order', async () => {
    const counts = await database.transaction(async (tx) => {
      const answers = [];
      for (const word of ['a', 'b', 'c']) {
        answers.push(note(tx, word));
        answers.push(tx.query<{ n: number }>('SELECT count(*)::int AS n FROM notes'));
      }
      return Promise.all(answers);
    });
    expect(counts.filter((_count, index) => index % 2 === 1)).toEqual([[{ n: 1 }], [{ n: 2 }], [{ n: 3 }]]);
    expect(await words()).toEqual(['a', 'b', 'c']);
  });

  it('commits with its last statement, and takes nothing after it', async () => {
    const answer = await database.transaction(async (tx) => {
      await note(tx, 'a');
      const rows = await tx.queryLast('INSERT INTO notes VALUES ($1) RETURNING word', ['b']);
      await expect(note(tx, 'c')).rejects.toThrow('the transaction is over');
      return rows;
    });
    expect(answer).toEqual([{ word: 'b' }]);
    expect(await words()).toEqual(['a', 'b']);
  });

  it('keeps nothing when its last statement fails', async () => {
    const failing = database.transaction(async (tx) => {
      await note(tx, 'a');
      await tx.queryLast('INSERT INTO notes VALUES ($1)', ['a']);
    });
    await expect(failing).rejects.toMatchObject({ reason: 'Conflict' });
    expect(await words()).toEqual([]);
  });

  it('lets nothing be written by what still goes on when it has failed', async () => {
    let late: (() => Promise<unknown>) | undefined;
    const failing = database.transaction(async (tx) => {
      late = () => note(tx, 'late');
      await Promise.all([note(tx, 'a'), tx.query('SELECT 1 / 0')]);
    });
    await expect(failing).rejects.toThrow('SQLSTATE 22012');
    await expect(late?.()).rejects.toThrow('the transaction is over');
    expect(await words()).toEqual([]);
  });

  it('that could not begin writes nothing by what its work would have sent', async () => {
    // The server refuses all of what it is sent with, BEGIN too, as it does when BEGIN is cancelled.
    const settings = ['no setting'];
    const failing = database.transaction((tx) => Promise.all([note(tx, 'a'), tx.queryLast('SELECT 1')]), { settings });
    await expect(failing).rejects.toMatchObject({ details: { sqlState: '42601' } });
    expect(await words()).toEqual([]);
  });

  it('says what has failed first, whoever of those that it broke is told first', async () => {
    const later = async (work: Promise<unknown>): Promise<unknown> => work;
    const failing = database.transaction((tx) => {
      // All answers are there when this process looks for them again.
      setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200));
      return Promise.all([later(later(tx.query('SELECT 1 / 0'))), note(tx, 'a'), tx.queryLast('SELECT 1')]);
    });
    await expect(failing).rejects.toThrow('SQLSTATE 22012');
    expect(await words()).toEqual([]);
  });

  it('does not pass for committed when the failure of a statement was swallowed', async () => {
    const failing = database.transaction(async (tx) => {
      await note(tx, 'a');
      await tx.query('SELECT 1 / 0').catch(() => undefined);
    });
    await expect(failing).rejects.toThrow();
    expect(await words()).toEqual([]);
  });
});
