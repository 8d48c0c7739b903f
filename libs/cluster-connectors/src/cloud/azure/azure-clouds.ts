/** The clouds of Azure: where each is asked, and who gives tokens for it. */
export const AZURE_CLOUDS = {
  AzureCloud: { authority: 'https://login.microsoftonline.com', arm: 'https://management.azure.com' },
  AzureUSGovernment: { authority: 'https://login.microsoftonline.us', arm: 'https://management.usgovcloudapi.net' },
  AzureChina: { authority: 'https://login.partner.microsoftonline.cn', arm: 'https://management.chinacloudapi.cn' },
} as const;

export type AzureCloud = keyof typeof AZURE_CLOUDS;

export const AZURE_CLOUD_NAMES = Object.keys(AZURE_CLOUDS) as readonly AzureCloud[];

/** True for the name of one of {@link AZURE_CLOUDS}. */
export function isAzureCloud(name: string): name is AzureCloud {
  return Object.hasOwn(AZURE_CLOUDS, name);
}
