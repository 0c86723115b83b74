nothing.region
