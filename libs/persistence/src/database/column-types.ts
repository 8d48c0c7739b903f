import pg from 'pg';

const BIGINT = 20;
const DATE = 1082;

type Parser = (text: string) => unknown;

/**
 * How column values arrive: as node-postgres has it, but `bigint` as a number (every one of ours is far below 2^53) and
 * `date` as its `YYYY-MM-DD` text, which has no time zone to get wrong.
 */
export const columnTypes = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): Parser {
    if (format !== 'binary') {
      if (oid === BIGINT) return Number;
      if (oid === DATE) return (text) => text;
    }
    return pg.types.getTypeParser(oid, format ?? 'text') as Parser;
  },
};
