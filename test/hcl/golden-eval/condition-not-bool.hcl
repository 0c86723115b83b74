name ? "yes" : "no"
