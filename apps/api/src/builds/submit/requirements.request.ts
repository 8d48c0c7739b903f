import {
  ARCHITECTURES,
  type Architecture,
  cpuQuantity,
  labelKey,
  labelValue,
  memoryQuantity,
  OPERATING_SYSTEMS,
  type OperatingSystem,
  storageQuantity,
} from '@image-factory/domain';
import {
  BooleanField,
  boundedText,
  ChoiceField,
  ListField,
  MapField,
  TextField,
} from '../../http/validation/fields.js';

/** What a build takes of its place, and asks of it. */
export class RequirementsRequest {
  @TextField(cpuQuantity, {
    optional: true,
    description: "CPU that the build's pod requests and is limited to, at most the tenant's max_cpu",
    example: '2',
  })
  readonly cpu?: string;

  @TextField(memoryQuantity, {
    optional: true,
    description: "Memory that the build's pod requests and is limited to, at most the tenant's max_memory",
    example: '4Gi',
  })
  readonly memory?: string;

  @TextField(storageQuantity, {
    optional: true,
    description:
      "Disk of its node that the build's pod requests and is limited to, at most the tenant's max_ephemeral_storage",
    example: '10Gi',
  })
  readonly ephemeral_storage?: string;

  @TextField(storageQuantity, {
    optional: true,
    description: "Least size of the build's workspace, at most the tenant's max_workspace_size",
    example: '5Gi',
  })
  readonly workspace_size?: string;

  @ChoiceField(ARCHITECTURES, { optional: true, description: 'The provider has nodes of this architecture' })
  readonly architecture?: Architecture;

  @ChoiceField(OPERATING_SYSTEMS, { optional: true, description: 'The provider has nodes with this system' })
  readonly os?: OperatingSystem;

  @BooleanField({ optional: true, description: 'true: the provider has a GPU' })
  readonly gpu?: boolean;

  @ListField(labelValue, 20, {
    optional: true,
    description: 'Words that the provider has, declared or detected; all of them',
    example: ['arm64'],
  })
  readonly capabilities?: string[];

  @MapField(labelKey, labelValue, 20, {
    optional: true,
    description: 'Labels that the provider has with these values',
  })
  readonly labels?: Record<string, string>;

  @TextField(boundedText(1, 100), { optional: true, description: 'The provider is there', example: 'eu-west-1' })
  readonly region?: string;

  @TextField(boundedText(1, 100), { optional: true, description: 'Better there than elsewhere', example: 'eu-west-1' })
  readonly preferred_region?: string;
}
