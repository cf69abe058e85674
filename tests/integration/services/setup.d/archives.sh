# The program that unpacks LHA, for images that come in such archives.
debian lha lhasa
