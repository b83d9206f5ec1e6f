"""``python -m astro_vbinary.cli`` is ``astro-vbinary``."""

from astro_vbinary.cli import main

if __name__ == "__main__":
    main(prog_name="astro-vbinary")
