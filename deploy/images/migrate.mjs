// Brings the database of IF_DATABASE_URL to the newest schema and ends. Any number may run at once: one works.
import { migrate } from '@image-factory/migrations';

const url = process.env['IF_DATABASE_URL'];
if (!url) {
  process.stderr.write('IF_DATABASE_URL is not set.\n');
  process.exit(1);
}
const { names } = await migrate({ url });
process.stdout.write(names.length === 0 ? 'Nothing to do.\n' : names.map((name) => `ran ${name}\n`).join(''));
