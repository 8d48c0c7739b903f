import { describe, expect, it } from 'vitest';
import {
  argumentName,
  argumentValue,
  contextPath,
  gitCommit,
  gitRef,
  gitRepositoryUrl,
  imageRepository,
  imageTag,
  platform,
  type Grammar,
} from './grammar.js';

const table: readonly [string, Grammar, readonly string[], readonly string[]][] = [
  [
    'imageTag',
    imageTag,
    ['1.4.0', 'latest', '_x', 'A-b.c', 'x'.repeat(128)],
    ['', '.x', '-x', 'a b', 'a/b', 'a:b', 'x'.repeat(129), 'if-1', 'ü', 'a\n', '$(id)', '<%= 1 %>', 'a\u0000'],
  ],
  [
    'imageRepository',
    imageRepository,
    ['registry.example/team/app', 'localhost/app', '10.244.77.1:5000/out/app', 'host:5000/a__b/c-d', '[::1]:5000/app'],
    [
      '',
      'app',
      'team/app',
      'registry.example',
      'registry.example/App',
      'registry.example/app:tag',
      'http://r.example/app',
      'registry.example/app@sha256:00',
      'registry.example//app',
      'r.example:0/app',
      'r.example:99999/app',
      'r.example/a b',
      'r.example/..',
      'user@r.example/app',
      'r.example/app\n',
    ],
  ],
  [
    'gitRef',
    gitRef,
    ['main', 'feature/x', 'v1.0.0', 'ünïcode', 'a@b'],
    [
      '',
      '-x',
      '--upload-pack=x',
      'a..b',
      'a b',
      'a~1',
      'a^',
      'a:b',
      'a?',
      'a*',
      'a[',
      'a\\b',
      '/a',
      'a/',
      'a//b',
      'a.lock',
      '.a',
      'a/.b',
      'a.',
      '@',
      'a@{1}',
      'a\nb',
      'a\u0000',
      'a\u202eb',
    ],
  ],
  [
    'gitCommit',
    gitCommit,
    ['a'.repeat(40), 'F'.repeat(64)],
    ['', 'a'.repeat(39), 'g'.repeat(40), `${'a'.repeat(40)}\n`],
  ],
  [
    'contextPath',
    contextPath,
    ['.', 'Dockerfile', 'a/b/Dockerfile.prod', 'a..b', 'with space', '$(id)'],
    ['', '/etc/passwd', '../x', 'a/../../x', 'a/..', '~/x', 'a\\b', '-f', 'a\nb', 'a\u0000b', 'a\u2028b'],
  ],
  ['argumentName', argumentName, ['A', '_x1', 'HTTP_PROXY'], ['', '1a', 'a-b', 'a=b', 'a b', 'a\n', '--x']],
  [
    'argumentValue',
    argumentValue,
    ['', '$(id)', "'; rm -rf /", '{{x}}', '<%= x %>'],
    ['a\nb', 'a\u0000', 'x'.repeat(4097)],
  ],
  [
    'platform',
    platform,
    ['linux/amd64', 'linux/arm/v7'],
    ['linux', 'linux/', 'Linux/amd64', 'linux/amd64,linux/arm64'],
  ],
  [
    'gitRepositoryUrl',
    gitRepositoryUrl,
    [
      'https://git.example/a/b.git',
      'http://10.0.0.1:8090/cgi-bin/git/app.git',
      'ssh://git@git.example/a.git',
      'git@git.example:a/b.git',
    ],
    [
      '',
      'file:///etc',
      '/etc',
      'ext::sh -c id',
      'git://git.example/a',
      'https://u:p@git.example/a',
      'https://token@git.example/a',
      'https://git.example',
      'https://git.example/a b',
      'https://git.example/a\n',
      '-oProxyCommand=x',
      'https://git.example/a?x=1',
      'https://git.example/a#x',
      '-x@git.example:a',
    ],
  ],
];

describe.each(table)('%s', (_name, grammar, good, bad) => {
  it.each(good.map((text) => [text]))('accepts %j', (text) => {
    expect(grammar(text)).toBeUndefined();
  });
  it.each(bad.map((text) => [text]))('refuses %j and says what would be right', (text) => {
    expect(grammar(text)).toMatch(/\w/);
  });
});
