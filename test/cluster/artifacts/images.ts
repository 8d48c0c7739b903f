import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findProgram, run } from '../machine/command.ts';
import { type Layout, registryHost } from '../machine/layout.ts';
import { ClusterError, longStep, step } from '../machine/progress.ts';
import type { BinaryDirs } from './binaries.ts';
import { type LayerEntry, tarOf, writeImageArchive } from './image-archive.ts';
import { type ImageName, imageNames, imageRecipes, type ImageRecipe } from './image-recipes.ts';

/** An image as a tar in the cache. */
export interface Image {
  readonly name: ImageName;
  /**
   * Full name with a tag that is a function of the content. It lies under the local registry, so
   * that the node asks nobody else for one that is missing.
   */
  readonly reference: string;
  readonly archive: string;
}

const debianRelease = 'bookworm';
const debianSources = '/etc/apt/sources.list.d/debian.sources';

/** Changes when the way in which archives are made changes. */
const archiveVersion = 1;

const unneededDirectories = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*'];

function busyboxFile(): string {
  return findProgram('busybox')!;
}

/** The hash of everything that an image is made from; binaries are named by their cache directory's hash. */
function inputHash(name: ImageName, recipe: ImageRecipe, layout: Layout): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([archiveVersion, name, recipe]).replaceAll(layout.cacheDir, ''));
  if (recipe.busyboxIn) hash.update(readFileSync(busyboxFile()));
  return hash.digest('hex').slice(0, 12);
}

/** The packages and their dependencies, unpacked but not configured, as a tar; deleted by the caller. */
async function packageLayer(layout: Layout, packages: readonly string[], file: string): Promise<void> {
  mkdirSync(layout.logDir, { recursive: true });
  const logFile = join(layout.logDir, `package-layer-${packages[0]}.log`);
  const options = unneededDirectories.map((path) => `--dpkgopt=path-exclude=${path}`);
  const sources = existsSync(debianSources) ? [debianSources] : [];
  const args = [
    '--quiet',
    '--mode=root',
    '--variant=extract',
    `--include=${packages.join(',')}`,
    ...options,
    debianRelease,
    file,
    ...sources,
  ];
  try {
    await run('mmdebstrap', args, { logFile });
  } catch (error) {
    throw new ClusterError(
      `mmdebstrap failed: ${(error as Error).message}`,
      'Check that the Debian mirror answers.',
      logFile,
    );
  }
}

/** busybox and a link per applet, except for those paths that a lower layer has already. */
async function busyboxEntries(directory: string, taken: ReadonlySet<string>): Promise<LayerEntry[]> {
  const busybox = busyboxFile();
  const applets = (await run(busybox, ['--list'])).trim().split('\n');
  const links = applets
    .map((applet) => `${directory}/${applet}`)
    .filter((path) => path !== `${directory}/busybox` && !taken.has(path))
    .map((path): LayerEntry => ({ path, kind: 'link', target: `/${directory}/busybox` }));
  return [
    { path: directory, kind: 'directory' },
    { path: `${directory}/busybox`, kind: 'file', mode: 0o755, content: readFileSync(busybox) },
    ...links,
  ];
}

async function fileContent(source: string, scratch: string): Promise<Buffer> {
  if (!source.endsWith('.c')) return readFileSync(source);
  mkdirSync(scratch, { recursive: true });
  const binary = join(scratch, 'compiled');
  await run('gcc', ['-static', '-Os', '-s', '-o', binary, source]);
  const content = readFileSync(binary);
  rmSync(scratch, { recursive: true });
  return content;
}

async function ownLayer(recipe: ImageRecipe, taken: ReadonlySet<string>, scratch: string): Promise<Buffer> {
  const directories = Object.entries(recipe.directories ?? {}).filter(([path]) => !taken.has(path));
  const entries: LayerEntry[] = directories.map(([path, mode]) => ({ path, kind: 'directory', mode }));
  for (const directory of recipe.busyboxIn ?? []) entries.push(...(await busyboxEntries(directory, taken)));
  for (const [path, text] of Object.entries(recipe.texts ?? {}))
    entries.push({ path, kind: 'file', content: Buffer.from(text) });
  for (const [path, source] of Object.entries(recipe.files ?? {})) {
    entries.push({ path, kind: 'file', mode: 0o755, content: await fileContent(source, scratch) });
  }
  return tarOf(entries);
}

async function makeImage(layout: Layout, image: Image, recipe: ImageRecipe): Promise<void> {
  mkdirSync(dirname(image.archive), { recursive: true });
  const layers: Buffer[] = [];
  const taken = new Set<string>();
  if (recipe.packages) {
    const file = image.archive.replace(/\.tar$/, '.packages.tar');
    await packageLayer(layout, recipe.packages, file);
    layers.push(readFileSync(file));
    const listing = await run('tar', ['-tf', file]);
    rmSync(file);
    for (const path of listing.split('\n')) taken.add(path.replace(/^\.\//, '').replace(/\/$/, ''));
  }
  layers.push(await ownLayer(recipe, taken, `${image.archive}.scratch`));
  await writeImageArchive(image.archive, image.reference, layers, recipe.runtime ?? {});
}

/** Makes the image tars that the cache lacks, and returns all of them. */
export async function ensureImages(layout: Layout, binaries: BinaryDirs): Promise<readonly Image[]> {
  const recipes = imageRecipes(binaries);
  const images = imageNames.map((name): Image => {
    const tag = inputHash(name, recipes[name], layout);
    return {
      name,
      reference: `${registryHost}/cluster/${name}:${tag}`,
      archive: join(layout.cacheDir, 'images', `${name}-${tag}.tar`),
    };
  });
  for (const image of images.filter((one) => !existsSync(one.archive))) {
    const recipe = recipes[image.name];
    const make = () => makeImage(layout, image, recipe);
    const name = `image ${image.name}`;
    await (recipe.packages ? longStep(name, `Debian packages ${recipe.packages.join(' ')}`, make) : step(name, make));
  }
  return images;
}

/** The reference of one image of the list. */
export function referenceOf(images: readonly Image[], name: ImageName): string {
  return images.find((image) => image.name === name)!.reference;
}
