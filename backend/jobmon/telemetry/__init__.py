"""Read metrics of nodes and jobs from where a site keeps them."""
