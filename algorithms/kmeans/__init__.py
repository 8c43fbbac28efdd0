"""K-means in one pass: Sculley (2010), Meyerson (2001), Guha et al. (2003), Arthur & Vassilvitskii (2007)."""
