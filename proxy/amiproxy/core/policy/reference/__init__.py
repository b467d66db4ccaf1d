"""What the policy's tables say, for operators: in the guide, and in the answers of ``ami-proxy explain``."""
