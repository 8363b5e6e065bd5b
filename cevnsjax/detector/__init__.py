"""From recoil energy to counts: quenching, efficiency, resolution, response matrix."""
