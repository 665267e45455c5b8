"""What an installation lacks before anybody can release on it: each check asks the cluster, and says how to mend."""
