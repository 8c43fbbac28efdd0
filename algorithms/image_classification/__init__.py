"""Image classification with residual networks: He et al., Deep Residual Learning (2015) and Identity Mappings (2016)."""
