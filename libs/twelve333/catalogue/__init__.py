"""Every sentence a person reads, by stable key, in English and Chinese."""
