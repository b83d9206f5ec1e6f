"""Answers in VOTable, as archives write them."""

import io

from astropy.io.votable import tree
from astropy.table import Table

#: UCDs of the first version of SIA, by which its clients find columns.
SIA1_UCDS = {
    "get_image": "VOX:Image_AccessReference",
    "access_url": "VOX:Image_AccessReference",
    "image_title": "VOX:Image_Title",
    "ra_cntr": "POS_EQ_RA_MAIN",
    "decl_cntr": "POS_EQ_DEC_MAIN",
    "format": "VOX:Image_Format",
    "band": "VOX:BandPass_ID",
    "mjd_obs": "VOX:Image_MJDateObs",
}


def to_votable(rows, columns, *, status="OK", message="", ucds=None):
    """A VOTable with the status that DAL protocols ask for.

    Columns are a dict of a name and a type; a row is a dict.
    """
    table = Table(
        {name: [row[name] for row in rows] for name in columns},
        dtype=[kind if kind is not str else "U400" for kind in columns.values()],
        names=list(columns),
    )
    document = tree.VOTableFile.from_table(table)
    resource = document.resources[0]
    resource.type = "results"
    resource.infos.append(tree.Info(name="QUERY_STATUS", value=status))
    if message:
        resource.infos[-1].content = message
    for item in document.get_first_table().fields:
        item.ucd = (ucds or {}).get(item.name)
    buffer = io.BytesIO()
    document.to_xml(buffer)
    return buffer.getvalue()
