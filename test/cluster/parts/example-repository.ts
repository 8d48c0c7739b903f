import { registryHost } from '../machine/layout.ts';

/** Content of `example.git`: one repository that every build method can build. */
export const exampleFiles: Readonly<Record<string, string>> = {
  'README.md': '# Example\n\nBuilt by the test cluster with every build method.\n',
  Dockerfile: `FROM ${registryHost}/base/busybox:1 AS base
ARG VERSION=none
COPY message.txt /message.txt
RUN echo "version $VERSION" > /version.txt && id > /id.txt
LABEL version="$VERSION"

FROM base AS debug
RUN echo debug > /target.txt

FROM base AS release
RUN echo release > /target.txt
CMD ["/bin/cat", "/message.txt", "/version.txt"]
`,
  'message.txt': 'hello from the example repository\n',
  'nested/context/Containerfile': 'FROM scratch\nCOPY data.txt /data.txt\n',
  'nested/context/data.txt': 'data of the nested context\n',
  'failing/Dockerfile': `FROM ${registryHost}/base/busybox:1\nRUN echo about to fail && exit 3\n`,
  // Long enough for something to be done to the build that runs it.
  'slow/Dockerfile': `FROM ${registryHost}/base/busybox:1\nRUN sleep 10\n`,
  'packer/template.json': `${JSON.stringify(
    {
      variables: { name: 'nobody' },
      builders: [{ type: 'file', content: 'made by packer for {{user `name`}}\n', target: 'output/artifact.txt' }],
      'post-processors': [{ type: 'manifest', output: 'manifest.json' }],
    },
    undefined,
    2,
  )}\n`,
  'packer/template.pkr.hcl': `variable "name" {
  type    = string
  default = "nobody"
}

source "file" "example" {
  content = "made by packer for \${var.name}\\n"
  target  = "output/artifact.txt"
}

build {
  sources = ["source.file.example"]
}
`,
};
