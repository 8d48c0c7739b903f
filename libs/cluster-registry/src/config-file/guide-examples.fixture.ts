/* The configuration examples of the connectivity guide, as printed. */

/** "Method 1: Kubeconfig File", config/local.yaml. */
export const GUIDE_LOCAL = `# config/local.yaml
kubernetes:
  clusters:
    - name: "local-dev"
      kubeconfig: "~/.kube/config"
      default: true
      context: "docker-desktop"  # or "minikube", "kind"
`;

/** "Example Configuration", config/production.yaml. */
export const GUIDE_PRODUCTION = `# config/production.yaml
kubernetes:
  default_cluster: "prod-us-east-1"
  connection_pool:
    max_idle: "5m"
    max_clients: 10
  health_check:
    interval: "30s"
    timeout: "10s"

  clusters:
    - name: "prod-us-east-1"
      provider: "aws"
      region: "us-east-1"
      auth:
        method: "iam"
        role_arn: "arn:aws:iam::123456789012:role/image-factory-role"
      capabilities: ["gpu", "arm64"]
      labels:
        environment: "production"
        region: "us-east-1"

    - name: "staging-eu-west-1"
      provider: "aws"
      region: "eu-west-1"
      auth:
        method: "service-account"
        token_path: "/secrets/staging-token"
      capabilities: ["amd64"]
      labels:
        environment: "staging"
        region: "eu-west-1"

    - name: "local-dev"
      provider: "local"
      auth:
        method: "kubeconfig"
        kubeconfig: "~/.kube/config"
      capabilities: ["amd64", "arm64"]
      labels:
        environment: "development"
`;

/** "Quick Start For Local Development", config/local.yaml. */
export const GUIDE_QUICK_START = `# config/local.yaml
kubernetes:
  clusters:
    - name: "local-dev"
      provider: "local"
      auth:
        method: "kubeconfig"
        kubeconfig: "~/.kube/config"
`;
